namespace EdgeProxy.Proxying.Upstream;

/// <summary>The connection ended before the head of the response had come, or got a 408 that crossed the request.</summary>
internal sealed class ResponseEndedException(Exception? inner) : HttpRequestException(HttpRequestError.ResponseEnded, inner?.Message, inner);
