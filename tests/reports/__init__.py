"""The report's parts: names, pictures, page and text, on figures made up here."""
