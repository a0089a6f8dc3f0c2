"""LookML for the marts, and the code that generates it."""
