"""What the benchmarks share: peers, requests, timing, servers, reports and charts."""
