"""The OpenAPI document: what the framework derives from the routes, and the shapes that it cannot see."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from api.feedback import FeedbackIn
from api.schemas import Problem

UNUSED = ("HTTPValidationError", "ValidationError")
"""The framework's own form of a validation error; ours is a Problem."""


class DescribedApp(FastAPI):
    """An app whose document names Problem, and the rows that POST /v1/feedback reads by itself."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            _, shapes = models_json_schema(
                [(FeedbackIn, "validation"), (Problem, "serialization")], ref_template="#/components/schemas/{model}"
            )
            schemas = document["components"]["schemas"]
            for name in UNUSED:
                schemas.pop(name, None)
            for name, shape in shapes["$defs"].items():
                schemas.setdefault(name, shape)
            self.openapi_schema = document
        return self.openapi_schema
