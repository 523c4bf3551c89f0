"""Whether a file that somebody holds is a certificate of ours."""
