using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Http;

/// <summary>The sending side of a client's connection, below TLS. A feature of the connection, and so of its requests.</summary>
/// <remarks>
/// <see cref="HttpContext.Abort"/> closes the socket of HTTP/1.1 at once, and <see cref="IHttpResetFeature.Reset"/> ends a stream of HTTP/2 at once: what
/// Kestrel has taken and not sent yet (up to 64 KB, and up to 4 KB) would be lost.
/// </remarks>
internal sealed class ClientOutput(PipeWriter socket)
{
    /// <summary>How long a client of HTTP/1.1 may take for what is still to be sent to it.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Kestrel makes frames in a flow of its own, and does not say when. The writer has waited for all but the last 4 KB; those are framed within
    /// microseconds, unless the client's window is used up.
    /// </summary>
    private static readonly TimeSpan _untilFramed = TimeSpan.FromMilliseconds(50);

    /// <summary>Breaks a response off after all that was written of it, without an end that could be taken for its own. Called when no more is
    /// written.</summary>
    /// <param name="resetCode">Of HTTP/2 (RFC 9113 section 7); null: it is HTTP/1.1.</param>
    /// <param name="hurry">The proxy waits no longer.</param>
    public static async Task BreakOffAsync(HttpContext context, int? resetCode, TimeProvider time, CancellationToken hurry)
    {
        var output = context.Features.Get<ClientOutput>();
        if (output is not null && !context.RequestAborted.IsCancellationRequested)
        {
            if (resetCode is null)
            {
                output.Complete();
            }

            // It is aborted when the socket has been closed.
            using var over = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, hurry);
            await Task.Delay(resetCode is null ? _patience : _untilFramed, time, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (resetCode is { } code && context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            stream.Reset(code);
        }
        else
        {
            context.Abort();
        }
    }

    /// <summary>The transport sends what it has, then closes the socket.</summary>
    private void Complete() => socket.Complete();
}
