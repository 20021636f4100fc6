"""``python -m fwverify``."""

from fwverify.cli import main

if __name__ == "__main__":
    main()
