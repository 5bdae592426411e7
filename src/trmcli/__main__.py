"""``python -m trmcli`` is ``trm``."""

from trmcli.cli.app import main

if __name__ == "__main__":
    main()
