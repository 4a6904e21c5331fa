using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EdgeProxy.Tls;

/// <summary>Tells a client that nothing more is to come, before its connection is closed (RFC 8446 section 6.1).</summary>
/// <remarks>
/// Kestrel closes without it, so that a client cannot tell the end of a response without a length, as HTTP/1.0 has it, from a connection that somebody on the
/// way has cut: curl reports an error. What is cut here, as when an app has failed in the middle of a response, is reset and gets none.
/// </remarks>
internal static class CloseNotify
{
    /// <summary>How long a client that does not read may keep its last record from going out. Its connection is closed then without it.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);

    /// <summary>A step behind TLS: what follows has written all it has when it returns.</summary>
    public static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, TimeProvider time)
    {
        await next(connection);
        if (connection.ConnectionClosed.IsCancellationRequested || connection.Features.Get<ISslStreamFeature>() is not { } tls)
        {
            return;
        }

        try
        {
            await tls.SslStream.ShutdownAsync().WaitAsync(_patience, time);
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException or InvalidOperationException or TimeoutException)
        {
            // The client was first, or does not read: there is nobody to be told.
        }
    }
}
