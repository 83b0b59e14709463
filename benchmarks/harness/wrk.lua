-- Prints the figures of a run in one line. There is no function for each request or response, so
-- that wrk's own loop is as fast as without a script.
done = function(summary)
    local e = summary.errors
    local broken = e.connect + e.read + e.write + e.timeout
    print(string.format("benchmark: %d %d %d %d",
        summary.requests, summary.duration, broken, e.status))
end
