using System.Globalization;
using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Notify;

/// <summary>Puts what happened into words for people, and into the queue.</summary>
internal sealed class Notifier(NotifyQueue queue, TimeProvider time) : IOperatorNotice
{
    private const int LongestTitle = 200;

    private static readonly string _host = Environment.MachineName;

    public void SwitchEnded(string app, Switch ended)
    {
        var kind = ended switch
        {
            { ByRescue: true } => NotifyEvent.Rescued,
            { Outcome: SwitchOutcome.RolledBack } => NotifyEvent.RolledBack,
            _ => NotifyEvent.SwitchEnded,
        };
        var words = ended.Outcome switch
        {
            SwitchOutcome.Completed => $"traffic is on {ended.To.ToKey()}",
            SwitchOutcome.CompletedWithWarnings => $"traffic is on {ended.To.ToKey()}, with warnings",
            SwitchOutcome.RolledBack => $"rolled back to {ended.From.ToKey()}",
            _ => $"aborted, traffic stays on {ended.From.ToKey()}",
        };
        queue.Add(new NotifyMessage
        {
            Id = $"switch-{app}-{ended.Id}",
            Event = kind,
            Time = time.GetUtcNow(),
            Host = _host,
            App = app,
            Title = Title($"{app}: {words}{(kind == NotifyEvent.Rescued ? " (automatic failover)" : "")}{LabelOf(ended)}"),
            Text = string.Create(
                CultureInfo.InvariantCulture,
                $"Switch {ended.Id} from {ended.From.ToKey()} to {ended.To.ToKey()} ended {ended.Outcome} after {ended.Duration.TotalSeconds:0.0} s. " +
                    $"{ended.Reason}").TrimEnd(),
            Switch = new(ended.Id, ended.From, ended.To, ended.Label, ended.Outcome!.Value, ended.Reason, ended.StartedAt, ended.Duration),
        });
    }

    public void UnitFailed(string app, FailedActive failed) => queue.Add(new NotifyMessage
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"unit-{app}-{failed.Since.ToUnixTimeMilliseconds()}"),
        Event = NotifyEvent.UnitFailed,
        Time = time.GetUtcNow(),
        Host = _host,
        App = app,
        Title = Title($"{app}: the active slot {failed.Slot.ToKey()} is down"),
        Text = failed.Reason,
    });

    /// <param name="name">The certificate.</param>
    /// <param name="words">What is wrong.</param>
    /// <param name="error">Why it is not renewed; null: not known.</param>
    public void CertificateInDanger(string name, string words, string? error) => queue.Add(new NotifyMessage
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"certificate-{name}-{time.GetUtcNow():yyyyMMdd}"),
        Event = NotifyEvent.CertificateInDanger,
        Time = time.GetUtcNow(),
        Host = _host,
        Title = Title($"the certificate {name} {words}"),
        Text = error is null ? null : $"The last attempt to renew it failed: {error}",
        Certificate = name,
    });

    private static string LabelOf(Switch ended) => ended.Label is { } label ? $", {label}" : "";

    /// <summary>A subject of a mail, an argument of a command: one line, and it never looks like an option.</summary>
    private static string Title(string text)
    {
        var line = PrintableText.LineOf($"EdgeProxy {_host}: {text}");
        return line.Length <= LongestTitle ? line : line[..LongestTitle];
    }
}
