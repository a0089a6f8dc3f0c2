"""`python -m tests.stack COMPONENT`: start a part of the outside world."""

import importlib
import sys

COMPONENTS = {
    "up": ("tests.stack.up", "all of it, on free ports; prints the environment"),
    "s3": ("tests.stack.s3", "Amazon S3 (moto server)"),
    "smtp": ("tests.stack.smtp", "a mail server that keeps what it gets"),
    "salesforce": ("tests.stack.salesforce.serve", "a Salesforce stand-in"),
    "redshift": ("tests.stack.redshift.serve", "a Redshift stand-in"),
    "sample": ("tests.stack.sample.write", "a made-up company's raw partitions"),
}


def main(arguments: list[str]) -> int:
    """Hand the rest of the line to the component's own `main`."""
    name = arguments[0] if arguments else "--help"
    if name not in COMPONENTS:
        print("usage: python -m tests.stack COMPONENT [--help | options]\n")
        for component, (_, sentence) in COMPONENTS.items():
            print(f"  {component:<11} {sentence}")
        return 0 if name in ("-h", "--help") else 3
    module = importlib.import_module(COMPONENTS[name][0])
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
