"""The API's requests and answers, as OpenAPI describes them and by its names for them; one module per resource."""
