"""``trm``, and ``python -m trmcli``."""

from trmcli import starting


def main() -> None:
    """Show that there is somebody, then load what the command needs, and run it."""
    try:
        starting.show()
        from trmcli.cli.app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
