"""Series and lectures: content, time, instructors, languages."""
