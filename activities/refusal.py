"""The error that ends a job instead of being tried again."""


class JobRefused(Exception):
    """This job cannot succeed however often it is tried: the message says what is wrong and what to do."""
