"""Feedback after lectures: its questions, answers, results, and what asks for it."""
