using System.Globalization;

namespace EdgeProxy.Importing;

/// <summary>Something to say of a line.</summary>
/// <param name="File">The file that the line is in, as it was named.</param>
/// <param name="Line">From 1; 0: the file as a whole.</param>
/// <param name="Message">What, why, and what to do instead.</param>
internal sealed record ImportRemark(string File, int Line, string Message)
{
    public override string ToString() => $"{new SourceLine(File, Line)}: {Message}";
}

/// <summary>Collects what is to be said, so that a person sees all of it at once: problems, which keep settings from being made, and notes on what will be a
/// little different.</summary>
internal sealed class ImportRemarks
{
    private readonly List<ImportRemark> _problems = [];
    private readonly List<ImportRemark> _notes = [];
    private readonly HashSet<string> _noted = new(StringComparer.OrdinalIgnoreCase);

    public IReadOnlyList<ImportRemark> Problems => Sort(_problems);

    public IReadOnlyList<ImportRemark> Notes => Sort(_notes);

    public int ProblemCount => _problems.Count;

    public void Problem(SourceLine at, string message) => Add(_problems, at, message);

    public void Note(SourceLine at, string message) => Add(_notes, at, message);

    /// <summary>A note that one line says for all others that would say the same.</summary>
    /// <param name="subject">What it is about.</param>
    public void NoteOnce(SourceLine at, string subject, string message)
    {
        if (_noted.Add(subject))
        {
            Note(at, message);
        }
    }

    /// <summary>A snippet that is imported twice says everything twice.</summary>
    private static void Add(List<ImportRemark> to, SourceLine at, string message)
    {
        var remark = new ImportRemark(Escape(at.File), at.Line, Escape(message));
        if (!to.Contains(remark))
        {
            to.Add(remark);
        }
    }

    /// <summary>What a file holds must not steer the terminal that shows it, nor begin a line of its own: <c>\u001b</c>.</summary>
    private static string Escape(string text) => text.All(IsShown) ? text
        : string.Concat(text.Select(character => IsShown(character) ? $"{character}" : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}")));

    /// <summary>Not what is invisible, or turns the direction of what follows (Unicode's categories Cc, Cf, Zl, Zp).</summary>
    private static bool IsShown(char character) => char.GetUnicodeCategory(character) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>By line; files in the order in which they were met.</summary>
    private static List<ImportRemark> Sort(List<ImportRemark> remarks)
    {
        var files = remarks.Select(remark => remark.File).Distinct().ToList();
        return [.. remarks.OrderBy(remark => files.IndexOf(remark.File)).ThenBy(remark => remark.Line)];
    }
}
