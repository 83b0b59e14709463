"""An API and the admin, as the URL configuration of a project."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import path as route
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def todos(request: HttpRequest) -> JsonResponse:
    if request.method == "POST":
        return JsonResponse({"posted": request.body.decode()}, status=201)
    return JsonResponse({"todos": []})


def todo(request: HttpRequest, number: int) -> JsonResponse:
    return JsonResponse({"error": "not found"}, status=404)


urlpatterns = [
    route("admin/", admin.site.urls),
    route("api/todos", todos),
    route("api/todos/<int:number>", todo),
]
