"""What every slice's doors share: guards, error pages, base form, base templates, API envelope."""
