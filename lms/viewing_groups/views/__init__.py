"""Pages of viewing groups: of a lecture, of a group, the projector view and the check-in."""
