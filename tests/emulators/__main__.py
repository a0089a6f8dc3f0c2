"""The command line of the emulators: `python -m tests.emulators COMPONENT`."""

import importlib
import sys

COMPONENTS = {
    "up": ("tests.emulators.up", "all of them on free ports; prints the environment"),
    "s3": ("tests.emulators.s3", "Amazon S3 (moto server)"),
    "smtp": ("tests.emulators.smtp", "a mail server that stores every message"),
    "salesforce": ("tests.emulators.salesforce.serve", "Salesforce"),
    "redshift": ("tests.emulators.redshift.serve", "Amazon Redshift"),
    "sample": ("tests.emulators.sample.write", "raw partitions of a sample company"),
}


def main(arguments: list[str]) -> int:
    """Call the component's `main` with the rest of the command line."""
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
