"""The statistics of an audit: evidence, error control, gates, decisions and rates."""
