using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using EdgeProxy.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>A request body that may not be larger than <c>Upstream:MaxRequestBodySize</c>, or than a route of the settings says.</summary>
/// <remarks>
/// In place of Kestrel's own limit, which gives the whole body up: Kestrel would then close the connection while the client still sends, and the reset
/// takes the 413 with it. Below this stream the body stays readable, so that Kestrel reads on, for at most 5 s, and throws away what comes.
/// </remarks>
/// <param name="reader">The same body, for <see cref="Upstream.ClientBody"/>, which reads it there and counts here.</param>
internal sealed class LimitedRequestBody(Stream body, PipeReader reader, long? length, long? limit) : AsyncStream, IHttpMaxRequestBodySizeFeature
{
    private long _count;
    private bool _isDecided;

    public PipeReader Reader => reader;

    /// <remarks>YARP lifts the limit for what says that it is gRPC, unless it is too late for that.</remarks>
    public bool IsReadOnly => _isDecided;

    public long? MaxRequestBodySize
    {
        get => limit;
        set => limit = !IsReadOnly ? value : throw new InvalidOperationException("The body is being read already.");
    }

    /// <summary>Puts the limit on the body of a request, where it can have one.</summary>
    public static void Set(HttpContext context, long limit)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            // The reader first: once the stream is replaced, it would be one around the replacement.
            var reader = context.Request.BodyReader;
            var body = new LimitedRequestBody(context.Request.Body, reader, context.Request.ContentLength, limit);
            context.Request.Body = body;
            context.Features.Set<IHttpMaxRequestBodySizeFeature>(body);
        }
    }

    /// <summary>The limited body of a request; null: it has none, or there is no limit.</summary>
    public static LimitedRequestBody? Of(HttpContext context) => context.Features.Get<IHttpMaxRequestBodySizeFeature>() as LimitedRequestBody;

    /// <summary>Lowers the limit on the body of a request, or puts one there.</summary>
    public static void Lower(HttpContext context, long limit)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is not LimitedRequestBody body)
        {
            Set(context, limit);
        }
        else if (body.MaxRequestBodySize is not { } most || most > limit)
        {
            body.MaxRequestBodySize = limit;
        }
    }

    /// <summary>Said in advance; a body of no stated length is found out when it is read.</summary>
    private bool IsTooLong => length > limit;

    /// <summary>Whether a request is known to be too large before anything of it is read.</summary>
    /// <param name="detail">For the client.</param>
    public static bool Refuses(HttpContext context, [NotNullWhen(true)] out string? detail)
    {
        detail = Of(context) is { } body && body.Decide(context.GetReverseProxyFeature().Route.Config.MaxRequestBodySize) ? body.Detail : null;
        return detail is not null;
    }

    /// <param name="ofRoute">What the route says: below 0 for no limit, null for nothing.</param>
    /// <returns>Whether it is exceeded already.</returns>
    private bool Decide(long? ofRoute)
    {
        limit = ofRoute is { } own ? (own < 0 ? null : own) : limit;
        _isDecided = true;
        return IsTooLong;
    }

    /// <summary>So much of the body has been read, or is about to be (0).</summary>
    /// <exception cref="BadHttpRequestException">413: it is too large.</exception>
    public void Count(int count)
    {
        _count += count;
        if (IsTooLong || _count > limit)
        {
            throw new BadHttpRequestException(Detail, StatusCodes.Status413PayloadTooLarge);
        }
    }

    /// <summary>So much of the body has come, and has not been read yet.</summary>
    /// <exception cref="BadHttpRequestException">413: it is too large.</exception>
    public void Demand(long length)
    {
        if (IsTooLong || length > limit)
        {
            throw new BadHttpRequestException(Detail, StatusCodes.Status413PayloadTooLarge);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Count(0);
        var count = await body.ReadAsync(buffer, cancellationToken);
        Count(count);
        return count;
    }

    private string Detail => $"The request body is larger than {limit} bytes (Upstream:MaxRequestBodySize, or MaxRequestBodySize of the route).";
}
