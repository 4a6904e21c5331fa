using System.Text.Json;
using EdgeProxy.Hosting;
using EdgeProxy.Platform;
using EdgeProxy.State;

namespace EdgeProxy.Handover;

/// <summary>The side of the new process: it takes nothing before the old one says so.</summary>
internal sealed class Arrival
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly HandoverGift _gift;
    private readonly HandoverChannel _channel;

    private Arrival(HandoverGift gift)
    {
        _gift = gift;
        _channel = new HandoverChannel(gift.Channel);
        // The children of this process get none of it.
        foreach (var descriptor in (int[])[.. gift.Sockets.Select(socket => socket.Descriptor), gift.Channel, .. gift.Former])
        {
            LibC.CloseOnExec(descriptor);
        }

        if (gift.State is { } state)
        {
            LibC.CloseOnExec(state);
        }
    }

    /// <summary>What another process has started this one with; null: it is on its own. Asked once: it is gone from the environment then.</summary>
    public static Arrival? Find()
    {
        var text = Environment.GetEnvironmentVariable(Successor.Variable);
        Environment.SetEnvironmentVariable(Successor.Variable, null);
        return text is not null && JsonSerializer.Deserialize(text, HandoverJson.Default.HandoverGift) is { } gift ? new Arrival(gift) : null;
    }

    public IEnumerable<ListeningSocket> Sockets => _gift.Sockets.Select(socket => new ListeningSocket(socket.Descriptor, socket.Name));

    /// <summary>The channels to all processes before this one, the oldest first.</summary>
    public IEnumerable<HandoverChannel> Former => [.. _gift.Former.Select(descriptor => new HandoverChannel(descriptor)), _channel];

    /// <summary>The directory with its lock, where the settings name the one of the old process.</summary>
    /// <exception cref="StateDirectoryInUseException">They name another, and that is in use.</exception>
    public StateDirectory OpenState(string path)
    {
        if (_gift.State is { } descriptor)
        {
            if (Path.GetFullPath(path) == _gift.StatePath)
            {
                return StateDirectory.Adopt(_gift.StatePath, descriptor);
            }

            _ = LibC.Close(descriptor);
        }

        return StateDirectory.Open(path);
    }

    /// <summary>Says why it cannot.</summary>
    public Task FailAsync(string why) => _channel.SendAsync(new(MessageKind.Failed) { Text = why });

    /// <summary>Settings are read. Returns when the state is this process's; also where the old process has ended: then nobody else has it.</summary>
    public async Task WaitForStateAsync(CancellationToken cancellationToken)
    {
        CrashPoint.Enter(CrashPoint.Arrival);
        CrashPoint.Pass("settings", "read");
        await _channel.SendAsync(new(MessageKind.Ready));
        CrashPoint.Pass("old process", "told that this one is ready");
        await _channel.ReadAsync(cancellationToken);
        CrashPoint.Pass("state", "taken");
    }

    /// <summary>This process accepts. Returns when it is the only one that does.</summary>
    public async Task TakeOverAsync(SystemdNotices systemd, TimeProvider time, CancellationToken cancellationToken)
    {
        CrashPoint.Pass("sockets", "accepting");
        await _channel.SendAsync(new(MessageKind.Accepting));
        await _channel.ReadAsync(_patience, time, cancellationToken);
        CrashPoint.Pass("old process", "no longer accepting");
        systemd.BecomeMain();
        CrashPoint.Pass("this process", "main");
    }
}
