"""Problems of one's own: pairs of grids, and no rules."""
