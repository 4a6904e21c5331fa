using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using FsCheck.Xunit;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Tls;

/// <summary>First messages as networks and clients cut them, and as attackers do.</summary>
public sealed class ClientHelloRecordsTests
{
    private const string Name = "shop.example.com";
    private const byte DecodeError = 50;

    private static readonly byte[] _hello = TlsClient.ClientHelloAsync(Name, ChallengeCertificate.Protocol).GetAwaiter().GetResult();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>SslStream alone looks for the name in the first record, and finds none.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(3, false)] // not even the message's own header is whole in the first
    [InlineData(40, false)]
    [InlineData(40, true)]
    [InlineData(100, false)]
    [InlineData(100_000, true)] // one record
    public async Task A_first_message_in_several_records_is_understood(int recordLength, bool byteByByte)
    {
        await using var site = await TlsSite.StartAsync([Name]);

        await using var stream = await TlsClient.HandshakeAsync(
            await ConnectAsync(site.Port, recordLength, byteByByte), Name, site.Authority.Root, SslApplicationProtocol.Http11);
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n"u8.ToArray(), Cancellation);

        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 200 OK", await reader.ReadToEndAsync(Cancellation).WaitAsync(Eventually.Patience, Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_authority_is_known_in_several_records_too()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var pending = site.Proxy.Get<PendingChallenges>().Show(AcmeChallenge.TlsAlpn01, Name, "token", "token.thumbprint");

        await using var authority = await TlsClient.HandshakeAsync(
            await ConnectAsync(site.Port, 50, byteByByte: false), Name, root: null, ChallengeCertificate.Protocol);

        Assert.Equal(ChallengeCertificate.Protocol, authority.NegotiatedApplicationProtocol);
    }

    public static TheoryData<string, byte[]> Broken() => new()
    {
        { "longer than a record", [22, 3, 1, 0, 4, 1, 0, 0x40, 0] },
        { "as long as a length can say", [22, 3, 1, 0, 4, 1, 0xFF, 0xFF, 0xFF] },
        { "grows beyond a record", [22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 3, 1, 0, 0] },
        { "an empty record within", [22, 3, 1, 0, 4, 1, 0, 1, 0, 22, 3, 1, 0, 0] },
        { "plain HTTP", "GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"u8.ToArray() },
        { "an alert", [21, 3, 3, 0, 2, 2, 50] },
        { "application data", [23, 3, 3, 0, 5, 1, 2, 3, 4, 5] },
        { "a change of ciphers", [20, 3, 3, 0, 1, 1] },
        { "another message", [22, 3, 1, 0, 4, 20, 0, 0, 0] },
        { "an empty record", [22, 3, 1, 0, 0] },
        { "a record that says it is longer than any", [22, 3, 1, 0xFF, 0xFF] },
        { "the older form of TLS 1.0 clients", [0x80, 0x2E, 1, 3, 1, .. new byte[43]] },
        { "another type of record within", [22, 3, 1, 0, 4, 1, 0, 1, 0, 23, 3, 1, 0, 1, 0] },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task What_cannot_become_a_first_message_is_refused_at_once(string what, byte[] bytes)
    {
        await using var site = await TlsSite.StartAsync([Name]);

        Assert.Equal([21, 3, 3, 0, 2, 2, DecodeError], await TlsClient.SendAsync(site.Port, bytes));
        await using var client = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);
        Assert.True(client.IsAuthenticated, what);
    }

    private static readonly byte[] _body = [3, 3, .. new byte[32], 0, 0, 2, 0x13, 1, 1, 0];

    /// <summary>Each had Kestrel write an error with a stack trace (dotnet/runtime pull request 126352), as often as anybody liked.</summary>
    public static TheoryData<string, byte[]> Malformed() => new()
    {
        { "no body", [] },
        { "half of a version", [3] },
        { "half of the length of extensions", [.. _body, 0] },
        { "a name without a length", [.. _body, 0, 7, 0, 0, 0, 3, 0, 1, 0] },
        { "a name with half of a length", [.. _body, 0, 8, 0, 0, 0, 4, 0, 2, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_first_message_ends_its_connection_and_writes_nothing_for_people(string what, byte[] body)
    {
        await using var site = await TlsSite.StartAsync([Name]);
        using var log = new Provider();
        site.Proxy.Get<ILoggerFactory>().AddProvider(log);

        await TlsClient.SendAsync(site.Port, [22, 3, 1, 0, (byte)(body.Length + 4), 1, 0, 0, (byte)body.Length, .. body]);

        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Open == 0, "it has ended");
        Assert.DoesNotContain(log.Lines.All, line => line.Level >= LogLevel.Warning);
        await using var client = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);
        Assert.True(client.IsAuthenticated, what);
    }

    /// <summary>As reads come: the outcome does not depend on where they end, and nothing is taken of a message in one record.</summary>
    [Property(MaxTest = 500)]
    public void Where_reads_and_records_end_makes_no_difference(byte recordLength, byte readLength)
    {
        var length = Math.Max((int)recordLength, 1);
        var sent = SplittingStream.Split(_hello, length);

        var (progress, joined, untaken) = Feed(sent, Math.Max((int)readLength, 1));

        if (length >= _hello.Length - 5)
        {
            Assert.Equal((ClientHelloProgress.AsItCame, _hello.Length), (progress, untaken));
            return;
        }

        Assert.Equal((ClientHelloProgress.Joined, 0), (progress, untaken));
        Assert.Equal(_hello, joined.ToArray());
    }

    [Property(MaxTest = 2000)]
    public void No_bytes_break_it_or_have_it_keep_more_than_a_record(byte[] tail, ushort position, byte value, byte readLength)
    {
        var hello = SplittingStream.Split(_hello, 30);
        hello[position % hello.Length] = value;
        byte[][] all = [hello, [22, 3, 1, .. tail], [22, 3, 1, (byte)(tail.Length >> 8), (byte)tail.Length, .. tail], [22, 3, 1, 0, 1, 1, .. tail], tail];

        foreach (var bytes in all)
        {
            var (progress, joined, _) = Feed(bytes, Math.Max((int)readLength, 1));
            Assert.Equal(progress == ClientHelloProgress.Joined, joined.Length > 0);
            Assert.InRange(joined.Length, 0, 5 + ClientHelloRecords.MaxMessage);
        }
    }

    private static (ClientHelloProgress Progress, ReadOnlyMemory<byte> Joined, long Untaken) Feed(byte[] bytes, int readLength)
    {
        var records = new ClientHelloRecords();
        var (start, end) = (0, 0);
        while (true)
        {
            end = Math.Min(end + readLength, bytes.Length);
            var rest = new ReadOnlySequence<byte>(bytes, start, end - start);
            var progress = records.Read(ref rest);
            start = end - (int)rest.Length;
            if (progress != ClientHelloProgress.NeedsMore || end == bytes.Length)
            {
                return (progress, records.Joined, bytes.Length - start);
            }
        }
    }

    private static async Task<SplittingStream> ConnectAsync(int port, int recordLength, bool byteByByte)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port, Cancellation);
        return new SplittingStream(new NetworkStream(socket, ownsSocket: true), recordLength, byteByByte);
    }

    private sealed class Provider : ILoggerProvider
    {
        public LogLines<Provider> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => Lines;

        public void Dispose()
        {
        }
    }
}
