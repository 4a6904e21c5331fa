using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Common;

namespace EdgeProxy.Notify;

/// <summary>The bodies of messages, by format.</summary>
internal static class NotifyBodies
{
    /// <summary>WeCom refuses longer texts (2048 bytes of UTF-8); for the others it is enough, too.</summary>
    private const int LongestText = 2000;

    public static byte[] Of(NotifyFormat format, NotifyMessage message) => format switch
    {
        NotifyFormat.Slack => JsonSerializer.SerializeToUtf8Bytes(new SlackBody(ForSlack(PlainText(message))), NotifyJson.Default.SlackBody),
        NotifyFormat.DingTalk or NotifyFormat.WeCom =>
            JsonSerializer.SerializeToUtf8Bytes(new RobotBody("text", new RobotText(PlainText(message))), NotifyJson.Default.RobotBody),
        _ => JsonSerializer.SerializeToUtf8Bytes(message, NotifyJson.Default.NotifyMessage),
    };

    /// <summary>The title and the text, for people.</summary>
    public static string PlainText(NotifyMessage message) => Cut(PrintableText.Of(message.Text is { } text ? $"{message.Title}\n{text}" : message.Title));

    /// <summary>Without it a label could call everybody (<c>&lt;!channel&gt;</c>) or hide a link; docs.slack.dev, "Escaping text".</summary>
    private static string ForSlack(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal);

    /// <summary>Whole characters only.</summary>
    private static string Cut(string text)
    {
        var (length, bytes) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > LongestText)
            {
                return $"{text[..length]} ...";
            }

            length += rune.Utf16SequenceLength;
        }

        return text;
    }
}

/// <summary>An incoming webhook of Slack, and of what follows it (Mattermost, Rocket.Chat).</summary>
internal sealed record SlackBody(string Text);

/// <summary>A text for the robots of DingTalk and WeCom. Not their Markdown, which a label could write links in.</summary>
internal sealed record RobotBody([property: JsonPropertyName("msgtype")] string Type, RobotText Text);

internal sealed record RobotText(string Content);

/// <summary>What those robots respond, always with status 200.</summary>
/// <param name="Code">0: taken.</param>
/// <param name="Message">Why not.</param>
internal sealed record RobotResponse([property: JsonPropertyName("errcode")] int Code, [property: JsonPropertyName("errmsg")] string? Message);
