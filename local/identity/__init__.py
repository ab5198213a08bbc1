"""What stands in for Microsoft Entra ID when the local stack is used by identity, as in Azure, and not by keys.

`endpoint` lends tokens as App Service does, `tokens` says what they look like, `certificate` makes the HTTPS that they
need, `delegated_queues` adds to Azurite the user-delegation SAS of queues. Nothing of this is secure: a token here is
signed by nobody, so whoever can write one is let in. It is for finding out whether an app can live without keys.
"""
