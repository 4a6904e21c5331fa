using System.Text.RegularExpressions;
using EdgeProxy.Configuration;
using EdgeProxy.Processes;

namespace EdgeProxy.Notify;

/// <summary><c>Notify</c>.</summary>
internal static partial class NotifyRules
{
    /// <summary>Each has a loop and a queue of its own.</summary>
    private const int MostReceivers = 20;

    public static void Check(SettingsScope at, NotifyOptions notify)
    {
        if (notify.Receivers?.Count > MostReceivers)
        {
            at.Error(nameof(notify.Receivers), $"has {notify.Receivers.Count} receivers; at most {MostReceivers} are allowed");
        }

        foreach (var (name, receiver) in notify.Receivers ?? [])
        {
            var all = at.In(nameof(notify.Receivers));
            if (!Name().IsMatch(name))
            {
                all.Error(name, "is no name for a receiver: 1 to 32 of a-z, A-Z, 0-9, - and _");
            }

            Check(all.In(name), receiver);
        }
    }

    private static void Check(SettingsScope at, ReceiverOptions receiver)
    {
        if (receiver.Url is null == receiver.Command is not { Length: > 0 })
        {
            at.Error(
                nameof(receiver.Url),
                receiver.Url is null
                    ? "is missing: where messages are sent, or Command: what is run"
                    : "and Command are both there; a receiver has one of them");
        }
        else if (receiver.Url is { } url)
        {
            CheckWebhook(at, receiver, url);
        }
        else
        {
            CheckCommand(at, receiver);
        }

        at.Range(nameof(receiver.Timeout), receiver.Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
    }

    private static void CheckWebhook(SettingsScope at, ReceiverOptions receiver, string url)
    {
        // Secret: everybody who knows the URL of a robot may write to its group.
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.UserInfo.Length > 0)
        {
            at.Error(nameof(receiver.Url), "must be an http:// or https:// URL without user and password", isSecret: true);
        }

        if (receiver.User is not null)
        {
            at.Error(nameof(receiver.User), "is for a Command; messages to a Url are sent by EdgeProxy itself");
        }

        if (receiver.SecretFile is not null && receiver.Format is NotifyFormat.Slack or NotifyFormat.WeCom)
        {
            at.Error(nameof(receiver.SecretFile), $"is of no use: {receiver.Format} knows no signature; its Url is the secret");
        }
        else if (receiver.SecretFile is { } file && NotifySecret.Read(file, out _) is { } problem)
        {
            at.Error(nameof(receiver.SecretFile), problem);
        }
    }

    private static void CheckCommand(SettingsScope at, ReceiverOptions receiver)
    {
        CommandRules.Check(at, nameof(receiver.Command), receiver.Command, nameof(receiver.User), receiver.User);
        if (receiver.SecretFile is not null)
        {
            at.Error(nameof(receiver.SecretFile), "is for a Url; what a Command is given is not signed");
        }

        if (receiver.Format != NotifyFormat.Json)
        {
            at.Error(nameof(receiver.Format), "is for a Url; a Command is given text");
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,32}\z")]
    private static partial Regex Name();
}
