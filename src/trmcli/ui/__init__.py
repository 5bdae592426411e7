"""What people see: grids, the live view, replays, progress bars. Nothing here imports torch."""
