using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EdgeProxy.Tls;

/// <summary>TLS-ALPN-01 on the public endpoints: tells an authority from visitors before the handshake, and keeps HTTP from its connections (RFC 8737).</summary>
/// <remarks>While no challenge is pending, a connection costs one read of a field. While one is, visitors are served as ever: only who offers <c>acme-tls/1</c> sees the proof.</remarks>
internal sealed class ChallengeHandshakes(PendingChallenges challenges, TimeProvider time)
{
    /// <summary>For the first message. Who needs longer is handed on: the handshake has its own limit.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    /// <summary>Before the handshake.</summary>
    public Task LookAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        return challenges.HasHandshakes ? LookFirstAsync() : next(connection);

        async Task LookFirstAsync()
        {
            if (await OffersAcmeAsync(connection.Transport.Input, connection.ConnectionClosed))
            {
                connection.Features.Set(new FromAuthority());
            }

            await next(connection);
        }
    }

    /// <summary>Whether a connection is an authority's.</summary>
    public static bool IsFromAuthority(BaseConnectionContext connection) => connection.Features.Get<FromAuthority>() is not null;

    /// <summary>After the handshake: where it has agreed on <c>acme-tls/1</c>, the authority has seen what it wanted and there is nothing more to say.</summary>
    public static Task EndAsync(ConnectionContext connection, ConnectionDelegate next) =>
        IsFromAuthority(connection) && connection.Features.Get<ISslStreamFeature>()?.SslStream.NegotiatedApplicationProtocol == ChallengeCertificate.Protocol
            ? Task.CompletedTask
            : next(connection);

    /// <summary>Reads ahead without taking anything: the handshake finds all of it.</summary>
    private async Task<bool> OffersAcmeAsync(PipeReader input, CancellationToken closed)
    {
        using var patience = new CancellationTokenSource(_patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, closed);
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(either.Token);
                var offers = ClientHello.OffersAcme(read.Buffer);
                if (offers is not null || read.IsCompleted)
                {
                    input.AdvanceTo(read.Buffer.Start);
                    return offers == true;
                }

                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return false; // silent, or gone: the handshake finds out
        }
    }

    /// <summary>Marks a connection.</summary>
    private sealed class FromAuthority;
}
