"""`python -m tests.emulators COMPONENT`: start a part of the outside world."""

import importlib
import sys

COMPONENTS = {
    "up": ("tests.emulators.up", "all of it, on free ports; prints the environment"),
    "s3": ("tests.emulators.s3", "Amazon S3 (moto server)"),
    "smtp": ("tests.emulators.smtp", "a mail server that keeps what it gets"),
    "salesforce": ("tests.emulators.salesforce.serve", "a Salesforce stand-in"),
    "redshift": ("tests.emulators.redshift.serve", "a Redshift stand-in"),
    "sample": ("tests.emulators.sample.write", "a made-up company's raw partitions"),
}


def main(arguments: list[str]) -> int:
    """Hand the rest of the line to the component's own `main`."""
    name = arguments[0] if arguments else "--help"
    if name not in COMPONENTS:
        print("usage: python -m tests.emulators COMPONENT [--help | options]\n")
        for component, (_, sentence) in COMPONENTS.items():
            print(f"  {component:<11} {sentence}")
        return 0 if name in ("-h", "--help") else 3
    module = importlib.import_module(COMPONENTS[name][0])
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
