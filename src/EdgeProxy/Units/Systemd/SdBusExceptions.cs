namespace EdgeProxy.Units.Systemd;

/// <summary>The other side has answered a call with an error.</summary>
internal sealed class SdBusErrorException(string name, string text) : Exception($"{text} ({name})")
{
    /// <summary>The D-Bus error name, e.g. <c>org.freedesktop.systemd1.NoSuchUnit</c>.</summary>
    public string Name { get; } = name;

    public string Text { get; } = text;

    /// <summary>
    /// Nobody has taken the call: the manager has just left the bus (<c>daemon-reexec</c>) or is not back on it yet (the bus was
    /// restarted; its activation file only says <c>/bin/false</c>, hence <c>Spawn</c>).
    /// </summary>
    public bool IsManagerAway => Name is
        "org.freedesktop.DBus.Error.ServiceUnknown" or "org.freedesktop.DBus.Error.NameHasNoOwner" or
        "org.freedesktop.DBus.Error.NoReply" or "org.freedesktop.DBus.Error.Disconnected" or "org.freedesktop.DBus.Error.TimedOut"
        || Name.StartsWith("org.freedesktop.DBus.Error.Spawn.", StringComparison.Ordinal);
}

/// <summary>The connection could not be made or is gone, or nobody answers on it. Another one may be tried.</summary>
internal sealed class SdBusUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
