namespace EdgeProxy.Notify;

/// <summary>The receivers of notifications.</summary>
internal sealed class NotifyOptions
{
    /// <summary>The receivers, by a name for the log and metrics. Null or empty: none.</summary>
    public Dictionary<string, ReceiverOptions>? Receivers { get; set; }
}

/// <summary>One receiver: an address for HTTP, or a command.</summary>
internal sealed class ReceiverOptions
{
    /// <summary>Where messages are sent by POST: an http or https URL. Null: <see cref="Command"/> is run.</summary>
    public string? Url { get; set; }

    /// <summary>What the body looks like: that of EdgeProxy's own, or as the receiver wants it. Default <c>Json</c>.</summary>
    public NotifyFormat Format { get; set; }

    /// <summary>
    /// A file with the secret that messages are signed with: by the headers of Standard Webhooks (<c>Json</c>), or as DingTalk's robots want it
    /// (<c>DingTalk</c>). Null: they are not signed.
    /// </summary>
    public string? SecretFile { get; set; }

    /// <summary>
    /// The program, by its whole path, and its arguments, in which <c>{title}</c> is replaced: <c>["/usr/bin/mail", "-s", "{title}", "ops@example.com"]</c>.
    /// The text is its standard input. No shell runs. Null: messages are sent to <see cref="Url"/>.
    /// </summary>
    public string[]? Command { get; set; }

    /// <summary>Whose rights the command gets. Null: those of EdgeProxy's own user. Another user can be named where EdgeProxy runs as root.</summary>
    public string? User { get; set; }

    /// <summary>What the receiver is told of. Null or empty: everything.</summary>
    public NotifyEvent[]? Events { get; set; }

    /// <summary>How long one try may take. Default 10 s; 1 s to 60 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>What a message is about.</summary>
internal enum NotifyEvent
{
    /// <summary>A switch has ended: completed or aborted.</summary>
    SwitchEnded,

    /// <summary>A switch has ended, and traffic is back where it was.</summary>
    RolledBack,

    /// <summary>A switch has ended that EdgeProxy had begun by itself (<c>Switch:Rescue</c>).</summary>
    Rescued,

    /// <summary>The active unit has failed for good.</summary>
    UnitFailed,

    /// <summary>A certificate is missing, has expired, or ends soon and was not renewed.</summary>
    CertificateInDanger,
}

/// <summary>The body of a message.</summary>
internal enum NotifyFormat
{
    Json,
    Slack,

    /// <summary>钉钉, a robot of a group.</summary>
    DingTalk,

    /// <summary>企业微信, a robot of a group.</summary>
    WeCom,
}
