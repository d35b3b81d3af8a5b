"""A session's methods by the name of their verbs, as FastHttpUser's client has them."""

from typing import Any


class Calls:
    """What stands on ``request`` alone."""

    def request(self, method: str, url: str, **more: Any) -> Any:
        """Send a request."""
        raise NotImplementedError

    def get(self, url: str, **more: Any) -> Any:
        """Send a GET request."""
        return self.request("GET", url, **more)

    def head(self, url: str, **more: Any) -> Any:
        """Send a HEAD request; redirects are not followed unless it is asked for."""
        return self.request("HEAD", url, **{"allow_redirects": False, **more})

    def options(self, url: str, **more: Any) -> Any:
        """Send an OPTIONS request."""
        return self.request("OPTIONS", url, **more)

    def delete(self, url: str, **more: Any) -> Any:
        """Send a DELETE request."""
        return self.request("DELETE", url, **more)

    def post(self, url: str, data: Any = None, json: Any = None, **more: Any) -> Any:
        """Send a POST request."""
        return self.request("POST", url, data=data, json=json, **more)

    def put(self, url: str, data: Any = None, json: Any = None, **more: Any) -> Any:
        """Send a PUT request."""
        return self.request("PUT", url, data=data, json=json, **more)

    def patch(self, url: str, data: Any = None, json: Any = None, **more: Any) -> Any:
        """Send a PATCH request."""
        return self.request("PATCH", url, data=data, json=json, **more)
