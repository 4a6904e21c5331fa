using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Journal;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Diagnostics.Journal;

/// <summary>The bytes that journald gets, read from a socket as its own is.</summary>
public sealed partial class JournalLoggerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Socket _journald = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 5000 };

    public JournalLoggerTests() => _journald.Bind(new UnixDomainSocketEndPoint(_directory["socket"]));

    public void Dispose()
    {
        _journald.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Holes_and_scopes_are_fields()
    {
        using var loggers = NewLoggers();
        var logger = loggers.CreateLogger("A.Category");
        using (logger.With(("SwitchId", "the-switch")))
        using (logger.With(("Phase", SwitchPhase.Probe), ("Slot", SlotName.Green)))
        {
            Happened(logger, SlotName.Blue, 12);
        }

        var entry = Receive();
        Assert.Equal("Something about Blue, 12 times", entry["MESSAGE"]);
        Assert.Equal(("4", "edgeproxy", "A.Category", "1"), (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"], entry["LOGGER"], entry["EVENT_ID"]));
        Assert.Equal(("the-switch", "Probe", "12"), (entry["SWITCH_ID"], entry["PHASE"], entry["TIMES"]));
        Assert.Equal("blue", entry["SLOT"]); // the message's own comes before the scope's
        Assert.False(entry.ContainsKey("{ORIGINAL_FORMAT}"));

        Happened(logger, SlotName.Blue, 13);
        Assert.False(Receive().ContainsKey("SWITCH_ID"));
    }

    [Theory]
    [InlineData(true, "Something about Blue, 12 times")]
    [InlineData(false, "shop: Something about Blue, 12 times")]
    public void What_is_about_an_app_says_so_in_a_field_and_where_there_are_others_in_its_text(bool isOnly, string message)
    {
        using var loggers = NewLoggers();
        using var ofApp = new AppLoggerFactory(loggers, "shop", isOnly);
        var logger = ofApp.CreateLogger("A.Category");

        using (logger.With(("SwitchId", "the-switch")))
        {
            Happened(logger, SlotName.Blue, 12);
        }

        var entry = Receive();
        Assert.Equal(("shop", message, "the-switch", "blue"), (entry["APP"], entry["MESSAGE"], entry["SWITCH_ID"], entry["SLOT"]));
        Happened(loggers.CreateLogger("A.Category"), SlotName.Blue, 13);
        Assert.False(Receive().ContainsKey("APP"));
    }

    /// <summary>What a client or an app says stays a value, whatever it looks like.</summary>
    [Fact]
    public void A_value_with_lines_in_it_does_not_become_a_field()
    {
        using var loggers = NewLoggers();
        var hostile = "x\nPRIORITY=0\nMESSAGE\n\u0005\0\0\0\0\0\0\0forged\n_UID=0\n";

        Said(loggers.CreateLogger("A.Category"), hostile);

        var entry = Receive();
        Assert.Equal(("6", hostile, $"It said {hostile}"), (entry["PRIORITY"], entry["TEXT"], entry["MESSAGE"]));
        Assert.False(entry.ContainsKey("_UID"));
    }

    [Fact]
    public void A_long_value_is_cut_and_arrives()
    {
        using var loggers = NewLoggers();
        Said(loggers.CreateLogger("A.Category"), new string('日', 200_000));
        Assert.Equal(32 * 1024, Receive()["TEXT"].Length);
    }

    [Fact]
    public void What_journald_does_not_take_is_lost_without_a_wait_and_said_later()
    {
        using var loggers = NewLoggers();
        var logger = loggers.CreateLogger("A.Category");
        for (var i = 0; i < 5000; i++)
        {
            Happened(logger, SlotName.Blue, i); // nobody reads: the queue of the socket is full soon
        }

        var received = 0;
        while (_journald.Available > 0)
        {
            Receive();
            received++;
        }

        Assert.InRange(received, 1, 4999);
        Happened(logger, SlotName.Blue, 0);
        Receive();
        Assert.Equal($"{5000 - received} log events were lost before this: journald did not take them", Receive()["MESSAGE"]);
    }

    [Fact]
    public void Standard_error_is_the_journal_only_where_systemd_and_the_kernel_say_so() => Assert.False(JournalSocket.IsStandardError);

    private ILoggerFactory NewLoggers() =>
        LoggerFactory.Create(logging => logging.AddProvider(new JournalLoggerProvider(new JournalSocket(_directory["socket"]))));

    private Dictionary<string, string> Receive()
    {
        var buffer = new byte[256 * 1024];
        var rest = buffer.AsSpan(0, _journald.Receive(buffer));
        var fields = new Dictionary<string, string>();
        while (!rest.IsEmpty)
        {
            var name = rest.IndexOf((byte)'\n');
            var size = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest[(name + 1)..]);
            var value = rest.Slice(name + 1 + sizeof(ulong), size);
            fields.Add(Encoding.ASCII.GetString(rest[..name]), Encoding.UTF8.GetString(value));
            Assert.Equal((byte)'\n', rest[name + 1 + sizeof(ulong) + size]);
            rest = rest[(name + 2 + sizeof(ulong) + size)..];
        }

        return fields;
    }

    [LoggerMessage(1, LogLevel.Warning, "Something about {Slot}, {Times} times")]
    private static partial void Happened(ILogger logger, SlotName slot, int times);

    [LoggerMessage(2, LogLevel.Information, "It said {Text}")]
    private static partial void Said(ILogger logger, string text);
}
