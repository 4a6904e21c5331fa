using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Tests.Proxying;

/// <summary>Clients that leave their uploads, as many as they like: the log stays readable, and says how many it does not name.</summary>
public sealed class FailedRequestLogTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines<SlotForwarder> _lines = new();
    private readonly ServerLog _server;
    private readonly FailedRequestLog _log;

    public FailedRequestLogTests()
    {
        _server = new ServerLog(_time);
        _log = new FailedRequestLog(_server, _time, _lines);
    }

    private int Warnings => _lines.All.Count(line => line.Level == LogLevel.Warning);

    [Fact]
    public void A_flood_of_clients_writes_ten_lines_and_then_one_in_six_seconds()
    {
        Flood(10_000, isOfSlot: false);
        Assert.Equal((10, 9_990), (Warnings, _server.Suppressed));
        Assert.True(_lines.All.Count < 50); // some for debugging
        Assert.StartsWith("Request 11 to Blue failed with RequestBodyClient: ", _server.TakeExample(), StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromMinutes(1));
        Flood(10_000, isOfSlot: false);
        Assert.Equal((20, 19_980), (Warnings, _server.Suppressed));
    }

    /// <summary>Nor is what the app does, which clients may know how to cause, left without a bound; but it is not left out for what clients do.</summary>
    [Fact]
    public void What_the_slot_does_has_lines_of_its_own()
    {
        Flood(1_000, isOfSlot: false);
        Flood(1_000, isOfSlot: true);
        Assert.Equal(10 + 50, Warnings);

        _time.Advance(TimeSpan.FromSeconds(2));
        for (var i = 0; i < 1_000; i++)
        {
            _log.NotSent($"{i}", SlotName.Blue, HoldResult.TimedOut, 1, "refused");
        }

        Assert.Equal(10 + 50 + 10, Warnings);
        Assert.Equal(3_000 - 70, _server.Suppressed);
    }

    private void Flood(int count, bool isOfSlot)
    {
        for (var i = 1; i <= count; i++)
        {
            _log.Failed($"{i}", SlotName.Blue, ForwarderError.RequestBodyClient, "The client left", isOfSlot);
        }
    }
}
