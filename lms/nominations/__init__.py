"""Nominations: a focal point proposes people for a series; they answer an invitation."""
