"""What is answered where no view answers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """JSON for whoever calls an end point, a page for everybody else."""
    if request.path.startswith("/v1/"):
        body = {"message": "not_found", "detail": "There is nothing at this address.", "statusCode": 404}
        return JsonResponse(body, status=404)
    return defaults.page_not_found(request, exception)
