"""The one place that counts figures, so that every caller gets the same ones.

`count` answers reporters and administrators exactly, with current data and in any combination; focal points likewise
for their own country; everyone else from the last daily refresh (`public`).
"""
