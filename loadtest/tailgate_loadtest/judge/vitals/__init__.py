"""What people felt: the visits of real browsers, page by page and lane by lane, against the objectives."""
