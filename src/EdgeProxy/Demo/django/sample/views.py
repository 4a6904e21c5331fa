"""The views of the sample project."""
import hashlib
import os
import time

from django.conf import settings
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST

LONGEST_SECONDS = 600


def identity(request):
    """Says which slot responds; slowly where SAMPLE_FAULT asks for that."""
    if settings.FAULT == "page-slow":
        time.sleep(1.5)
    return JsonResponse({"slot": settings.SLOT, "pid": os.getpid(), "version": settings.VERSION})


def feature_flags(request):
    """The health path; fails in the way that SAMPLE_FAULT asks for."""
    if settings.FAULT == "health-500":
        raise RuntimeError("the health path fails because SAMPLE_FAULT=health-500")
    if settings.FAULT == "health-hang":
        time.sleep(LONGEST_SECONDS)
    return JsonResponse({"sample": True})


def slow(request):
    """Responds after ?ms= milliseconds, 1000 without it."""
    time.sleep(min(int(request.GET.get("ms", "1000")) / 1000, LONGEST_SECONDS))
    return HttpResponse("slow\n", content_type="text/plain")


def status(request, code):
    """Responds with the status that the path names."""
    return HttpResponse(status=code)


@require_POST
def hash_body(request):
    """Reads the whole body and responds with its SHA-256 and length."""
    # Django reads no body without a Content-Length; gunicorn ends a chunked one by itself.
    body = request.META["wsgi.input"] if "HTTP_TRANSFER_ENCODING" in request.META else request
    digest = hashlib.sha256()
    length = 0
    while chunk := body.read(65536):
        digest.update(chunk)
        length += len(chunk)
    return JsonResponse({"sha256": digest.hexdigest(), "length": length})


def headers(request):
    """What arrived: method, raw target and headers."""
    return JsonResponse(
        {
            "method": request.method,
            "target": request.META.get("RAW_URI", request.get_full_path()),  # gunicorn keeps the target as it came
            "headers": dict(request.headers),
        }
    )


def events(request):
    """An event a second, without end. Occupies a worker thread."""

    def ticks():
        tick = 0
        while True:
            yield f"event: tick\ndata: {tick}\n\n"
            tick += 1
            time.sleep(1)

    return StreamingHttpResponse(ticks(), content_type="text/event-stream")


def download(request):
    """1,000,000 bytes with their Content-Length, over ?ms= milliseconds, 1000 without it."""
    pause = min(int(request.GET.get("ms", "1000")) / 1000, LONGEST_SECONDS) / 100

    def pieces():
        for _ in range(100):
            yield b"." * 10_000
            time.sleep(pause)

    return StreamingHttpResponse(pieces(), content_type="application/octet-stream", headers={"Content-Length": "1000000"})
