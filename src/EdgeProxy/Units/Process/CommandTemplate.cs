using System.Globalization;
using System.Text;
using EdgeProxy.Slots;

namespace EdgeProxy.Units.Process;

/// <summary>The command line of a slot with its placeholders: <c>{port}</c>, <c>{address}</c> and <c>{slot}</c>.</summary>
/// <remarks>
/// Words are split before placeholders are replaced, so that a value never becomes two words. Blanks separate, single quotes keep everything,
/// double quotes keep blanks and take <c>\"</c> and <c>\\</c>; outside quotes a backslash keeps the next character. Nothing else is expanded: no shell runs.
/// </remarks>
internal sealed class CommandTemplate
{
    private const string Port = "{port}";

    private readonly string[] _words;

    private CommandTemplate(string[] words) => _words = words;

    /// <summary>Whether the command needs a TCP port, which a slot on a Unix socket does not have.</summary>
    public bool NeedsPort => _words.Any(word => word.Contains(Port, StringComparison.Ordinal));

    /// <summary>Reads a command line.</summary>
    /// <param name="text">E.g. <c>gunicorn --bind {address} app.wsgi</c>.</param>
    /// <param name="problem">What is wrong with it, for people; null: nothing.</param>
    /// <returns>Null when there is a problem.</returns>
    public static CommandTemplate? Parse(string? text, out string? problem)
    {
        var words = new List<string>();
        problem = Split(text ?? "", words) ? words.Count == 0 ? "is empty" : null : "has a quote that is not closed";
        return problem is null ? new CommandTemplate([.. words]) : null;
    }

    /// <summary>Text that <see cref="Parse"/> reads as one word, whatever is in it but a placeholder.</summary>
    public static string Quote(string word) => $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    /// <summary>The words of the command for one slot; the first is the program.</summary>
    /// <exception cref="UnitException">The command needs a port and the slot listens on a Unix socket.</exception>
    public IReadOnlyList<string> For(SlotName slot, SlotAddress address)
    {
        if (NeedsPort && address.Port is null)
        {
            throw new UnitException($"EdgeProxy:Units:Process:Command uses {Port}, but slot {slot.ToKey()} listens on {address}: use {{address}}");
        }

        return [.. _words.Select(Fill)];

        string Fill(string word) => word
            .Replace(Port, address.Port?.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{address}", address.BindAddress, StringComparison.Ordinal)
            .Replace("{slot}", slot.ToKey(), StringComparison.Ordinal);
    }

    private static bool Split(string text, List<string> words)
    {
        StringBuilder? word = null;
        char? quote = null;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quote is null && char.IsWhiteSpace(c))
            {
                End();
            }
            else if (quote is null && c is '\'' or '"')
            {
                (quote, word) = (c, word ?? new());
            }
            else if (c == quote)
            {
                quote = null;
            }
            else if (c == '\\' && i + 1 < text.Length && (quote is null || (quote == '"' && text[i + 1] is '"' or '\\')))
            {
                (word ??= new()).Append(text[++i]);
            }
            else
            {
                (word ??= new()).Append(c);
            }
        }

        End();
        return quote is null;

        void End()
        {
            if (word is not null)
            {
                words.Add(word.ToString());
                word = null;
            }
        }
    }
}
