using System.Buffers;
using System.Globalization;
using EdgeProxy.Compression;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>The response to a GET or HEAD for a file that exists.</summary>
internal static class StaticResponse
{
    /// <summary>Large enough that a chunk costs little, small enough that a thousand slow clients cost 64 MB.</summary>
    private const int ChunkSize = 64 * 1024;

    /// <param name="content">The form of the file to send.</param>
    /// <param name="open">Its bytes, where the form does not have them in memory. Owned by the caller.</param>
    public static Task WriteAsync(HttpContext context, StaticFile file, Representation content, SafeFileHandle? open, TimeProvider time)
    {
        var request = context.Request.Headers;
        var response = context.Response;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.Vary = "Accept-Encoding";
        response.Headers.CacheControl = file.CacheControl;
        switch (Preconditions.Evaluate(request, content, file.LastModified, out var held))
        {
            case Precondition.NotModified:
                response.StatusCode = StatusCodes.Status304NotModified;
                response.Headers.ETag = held;
                return Task.CompletedTask;
            case Precondition.Failed:
                response.StatusCode = StatusCodes.Status412PreconditionFailed;
                response.ContentLength = 0;
                return Task.CompletedTask;
        }

        response.Headers.ETag = content.EntityTag;
        response.Headers.LastModified = file.LastModifiedText;
        var range = ByteRange.All(content.Length);
        if (content.Coding is { } coding)
        {
            response.Headers.ContentEncoding = coding.Name();
        }
        else
        {
            response.Headers.AcceptRanges = "bytes";
            if (request.Range.Count > 0 && !TryRange(context, file, content, out range))
            {
                return Task.CompletedTask;
            }
        }

        response.Headers.ContentType = file.ContentType;
        response.ContentLength = range.Length;
        if (file.ContentDisposition is { } disposition)
        {
            response.Headers.ContentDisposition = disposition;
            response.Headers.ContentSecurityPolicy = file.ContentSecurityPolicy;
        }

        return HttpMethods.IsHead(context.Request.Method) || range.Length == 0 ? Task.CompletedTask
            : content.Bytes is { } bytes ? WriteAsync(response, bytes.AsMemory((int)range.First, (int)range.Length))
            : CopyAsync(context, open!, content.Source.Identity, range, time);
    }

    /// <summary>Sets status and <c>Content-Range</c> where the header asks for a part.</summary>
    /// <returns>False: the response is complete, 416.</returns>
    private static bool TryRange(HttpContext context, StaticFile file, Representation content, out ByteRange range)
    {
        range = ByteRange.All(content.Length);
        var request = context.Request;
        // Defined for GET alone (RFC 9110 section 14.2).
        if (!HttpMethods.IsGet(request.Method) || !Preconditions.IfRangeHolds(request.Headers.IfRange, content, file.LastModified))
        {
            return true;
        }

        var response = context.Response;
        switch (ByteRange.Read(request.Headers.Range, content.Length, out range))
        {
            case RangeRequest.Part:
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = string.Create(
                    CultureInfo.InvariantCulture, $"bytes {range.First}-{range.First + range.Length - 1}/{content.Length}");
                return true;
            case RangeRequest.Unsatisfiable:
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{content.Length}");
                response.ContentLength = 0;
                return false;
            default:
                return true;
        }
    }

    /// <summary>Sends from memory: copied once, in one piece, into what the connection sends from.</summary>
    /// <remarks>Only a response that has started hands that out. Without a token: asking for it costs an object, and a connection that ends takes what is
    /// written to it.</remarks>
    private static async Task WriteAsync(HttpResponse response, ReadOnlyMemory<byte> content)
    {
        await response.StartAsync();
        var writer = response.BodyWriter;
        content.CopyTo(writer.GetMemory(content.Length));
        writer.Advance(content.Length);
        await writer.FlushAsync();
    }

    /// <summary>Sends from disk. The last chunk goes out only when the file still holds all that was sent: a mixture of two versions never looks
    /// complete.</summary>
    private static async Task CopyAsync(HttpContext context, SafeFileHandle open, FileIdentity identity, ByteRange range, TimeProvider time)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(range.Length, ChunkSize));
        var content = new SentContent(open, identity, range.First, time);
        try
        {
            for (var sent = 0L; sent < range.Length;)
            {
                var wanted = (int)Math.Min(range.Length - sent, buffer.Length);
                var count = await RandomAccess.ReadAsync(open, buffer.AsMemory(0, wanted), range.First + sent, context.RequestAborted);
                sent += count;
                content.Append(buffer.AsSpan(0, count));
                if (count == 0 || (sent == range.Length && !await content.IsStillThereAsync(context.RequestAborted)))
                {
                    context.Abort();
                    return;
                }

                await context.Response.Body.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has left.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
