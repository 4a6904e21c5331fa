using EdgeProxy.Proxying;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Compression;

/// <summary>Compresses the responses of the app, and of the other clusters, on their way to the client.</summary>
/// <remarks>
/// A transform: it meets the response when its headers are complete and its body has not begun, so the decision is made once and in one place,
/// and nothing stands between the forwarder and the client's connection.
/// </remarks>
internal sealed class CompressionTransforms(CompressionPolicy policy) : ITransformProvider
{
    /// <summary>Statements about the bytes as the app has sent them (RFC 9530; its predecessors), which are not those that arrive.</summary>
    private static readonly string[] _digests = [HeaderNames.ContentMD5, "Content-Digest", "Repr-Digest", "Digest"];

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        if (policy.Offered.IsEmpty)
        {
            return;
        }

        context.AddRequestTransform(request =>
        {
            AskForOriginals(request, HeaderNames.IfNoneMatch);
            AskForOriginals(request, HeaderNames.IfMatch);
            return ValueTask.CompletedTask;
        });
        context.AddResponseTransform(transform =>
        {
            if (transform.ProxyResponse is { } response)
            {
                OnResponse(transform.HttpContext, response);
            }

            return ValueTask.CompletedTask;
        });
    }

    private static void AskForOriginals(RequestTransformContext request, string header)
    {
        if (CodedTags.TryAddOriginals(request.HttpContext.Request.Headers[header], out var tags))
        {
            RequestTransform.RemoveHeader(request, header);
            RequestTransform.AddHeader(request, header, tags);
        }
    }

    private void OnResponse(HttpContext context, HttpResponseMessage response)
    {
        var headers = context.Response.Headers;
        if (context.Response.StatusCode == StatusCodes.Status304NotModified)
        {
            if (headers.ETag is { Count: 1 } tag && CodedTags.Held(context.Request.Headers.IfNoneMatch, tag[0]!) is { } held)
            {
                headers.ETag = held;
                AddVary(headers);
            }

            return;
        }

        if (!MayCompress(context))
        {
            return;
        }

        AddVary(headers);
        if (!HttpMethods.IsHead(context.Request.Method) && AcceptEncoding.Choose(context.Request.Headers.AcceptEncoding, policy.Offered) is { } coding)
        {
            response.Content = new CompressedContent(response.Content, coding, headers.ContentLength);
            Describe(headers, coding);
        }
    }

    /// <summary>Whether the response would be compressed for a client that can decode it.</summary>
    private bool MayCompress(HttpContext context)
    {
        var headers = context.Response.Headers;
        return context.Response.StatusCode is >= 200 and not (
            StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status206PartialContent)
            && (headers.ContentLength is not { } length || (length > 0 && length >= policy.MinimumSize))
            && policy.Shrinks(headers.ContentType.ToString())
            && !LeaseClassifier.IsStream(headers.ContentType)
            && headers.ContentEncoding.Count == 0
            && headers.ContentRange.Count == 0
            && !SaysNoTransform(headers) && !SaysNoTransform(context.Request.Headers)
            && policy.Covers(context.Request.Path);
    }

    private static void Describe(IHeaderDictionary headers, ContentCoding coding)
    {
        headers.ContentEncoding = coding.Name();
        headers.ContentLength = null;
        headers.AcceptRanges = default; // the app counts other bytes
        foreach (var digest in _digests)
        {
            headers.Remove(digest);
        }

        if (headers.ETag is { Count: 1 } tag)
        {
            headers.ETag = CodedTags.Code(tag[0]!, coding);
        }
    }

    /// <summary>Caches keep one response per coding, also of those that were not compressed for this client.</summary>
    private static void AddVary(IHeaderDictionary headers)
    {
        var vary = headers.Vary.ToString();
        if (!vary.Contains(HeaderNames.AcceptEncoding, StringComparison.OrdinalIgnoreCase) && !vary.Contains('*', StringComparison.Ordinal))
        {
            headers.Vary = vary.Length == 0 ? HeaderNames.AcceptEncoding : $"{vary}, {HeaderNames.AcceptEncoding}";
        }
    }

    /// <summary>RFC 9111 sections 5.2.1.6 and 5.2.2.6.</summary>
    private static bool SaysNoTransform(IHeaderDictionary headers) =>
        headers.CacheControl.ToString().Contains("no-transform", StringComparison.OrdinalIgnoreCase);
}
