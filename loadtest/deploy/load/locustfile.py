"""What people do with the API. Any Locust locustfile will do; a class is a persona, a task is one arrival."""

from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Visitor(LoadUser):
    """Looks at the home page."""

    @task
    def home(self) -> None:
        """One visit. Give a name= to paths that hold ids, so that they are one route."""
        self.client.get("/")
