"""What Looker gets is made from the marts' YAML alone."""
