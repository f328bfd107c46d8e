"""The page /docs: Swagger UI from files of an installed package, without a CDN and without inline scripts."""

from importlib import resources

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

router = APIRouter(include_in_schema=False)
MEDIA_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon-32x32.png": "image/png"}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    )
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Koe API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="calls"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#calls", deepLinking: true, persistAuthorization: false, tryItOutEnabled: true});
"""


@router.get("/")
async def show_the_way() -> Response:
    return RedirectResponse("/docs")


@router.get("/docs")
async def show_docs() -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})


@router.get("/docs/start.js")
async def show_start() -> Response:
    return Response(START, media_type="text/javascript")


@router.get("/docs/{name}")
def show_asset(name: str) -> Response:
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    content = resources.files("fastapi_swagger.resources").joinpath(name).read_bytes()
    return Response(content, media_type=MEDIA_TYPES[name], headers={"Cache-Control": "public, max-age=86400"})
