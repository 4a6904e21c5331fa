namespace EdgeProxy.Http;

/// <summary>A feature of requests that were refused for what the client has sent. The access log keeps only so many of them a second.</summary>
internal sealed class RefusedRequest
{
    public static RefusedRequest Instance { get; } = new();
}
