"""Who may do what: keys and tokens, members and admins, and tickets for live connections.

asking ──> tokens ──> keys ──> jwks, fetch     what a request shows, and whether it is to be believed
   └─────> store.access                        whose it is: memory keeps that in mind until changes says otherwise
tickets ─> store.access                        what a live connection shows instead
"""

from tailgate_service.auth.asking import AdminOf, IdentityOf, ShownOf

__all__ = ["AdminOf", "IdentityOf", "ShownOf"]
