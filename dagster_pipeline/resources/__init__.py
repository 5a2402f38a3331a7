"""What assets are given to work with. A resource knows where something is and opens it; it does no work itself.

Nothing connects when definitions load, nor when a run sets its resources up: each step opens what it needs and closes
it, since the embedded warehouse may be open in one place only. Secrets are looked up in the environment at that moment.
"""
