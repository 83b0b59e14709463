"""Text as it is, compressed in memory and from sidecars: bytes, and processor time."""

from __future__ import annotations

from benchmarks import cli
from benchmarks.codings.report import Report
from benchmarks.codings.ways import measure, texts, ways
from benchmarks.machine import this_machine
from benchmarks.progress import Progress


def main() -> None:
    """Run the benchmark."""
    parser = cli.make_parser(
        "codings", "Bytes and cost of content codings, stored and in memory.", "fewer rounds"
    )
    options = cli.parse(parser)
    machine, rounds = this_machine(), 3 if options.quick else 15
    contents, known = texts(), ways()
    report = Report(machine, rounds, known, {text: {} for text in contents})
    with Progress(len(contents) * len(known), "codings") as progress:
        for text, content in contents.items():
            for way in known:
                report.outcomes[text][way.name] = measure(way, content, rounds)
                progress.advance(way.name)
    print(report)
    cli.write_json(options.json, report.json())
    if options.plot:
        from benchmarks.codings.chart import draw  # noqa: PLC0415 - matplotlib where wanted

        draw(report, options.plot)


if __name__ == "__main__":
    cli.run(main)
