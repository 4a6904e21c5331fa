using System.Buffers;
using System.Globalization;
using System.IO.Enumeration;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>The names in a directory, for a person as HTML, for a program as JSON.</summary>
/// <remarks>Only what would be served: no dot files, nothing hidden, no link that leads out of the root, no FIFO, socket or device,
/// no name that is not UTF-8.</remarks>
internal static class DirectoryListing
{
    /// <summary>More entries are left out, which the listing says: a request costs at most so much.</summary>
    public const int MostEntries = 5000;

    private const char Replacement = '\ufffd';

    /// <param name="Name">With a slash at the end of a directory's.</param>
    /// <param name="Size">In bytes; 0 for a directory.</param>
    private readonly record struct Entry(string Name, bool IsDirectory, long Size, DateTimeOffset Modified, bool IsLink);

    /// <summary>Opens the directory that a path means, in the first root that has it.</summary>
    /// <param name="mount">Owns the path.</param>
    /// <param name="path">Of the request.</param>
    /// <param name="root">Where it is.</param>
    /// <param name="directory">Open where the outcome is <see cref="FileOutcome.Directory"/>. To be disposed.</param>
    public static FileOutcome Open(StaticMount mount, string path, out RootDirectory? root, out SafeFileHandle? directory)
    {
        root = null;
        directory = null;
        var result = FileOutcome.NotFound;
        if (mount.DirectoryOf(path) is not { } name)
        {
            return result;
        }

        foreach (var candidate in mount.Roots)
        {
            var outcome = candidate.OpenDirectory(name, out directory);
            if (outcome == FileOutcome.Directory)
            {
                root = candidate;
                return outcome;
            }

            result = outcome > result ? outcome : result;
        }

        return result;
    }

    /// <param name="context">A GET or HEAD of a directory, with a slash at its end.</param>
    /// <param name="mount">Owns the path.</param>
    /// <param name="path">Of the request.</param>
    public static async Task WriteAsync(HttpContext context, StaticMount mount, string path)
    {
        var outcome = Open(mount, path, out var root, out var directory);
        if (outcome != FileOutcome.Directory)
        {
            await StaticFileResponder.RefuseAsync(context, outcome);
            return;
        }

        List<Entry> entries;
        bool isCut;
        using (directory)
        {
            (entries, isCut) = Read(mount, root!, mount.DirectoryOf(path)!, directory!);
        }

        var asJson = context.Request.Headers.Accept.ToString().Contains("application/json", StringComparison.OrdinalIgnoreCase);
        var body = asJson ? Json(entries, isCut) : Page(path, entries, isCut);
        var response = context.Response;
        response.ContentType = asJson ? "application/json" : "text/html; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers.Vary = "Accept";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'";
        response.ContentLength = body.Length;
        if (HttpMethods.IsGet(context.Request.Method))
        {
            await response.Body.WriteAsync(body, context.RequestAborted);
        }
    }

    /// <summary>Directories first, then by name.</summary>
    private static (List<Entry> Entries, bool IsCut) Read(StaticMount mount, RootDirectory root, string name, SafeFileHandle directory)
    {
        var link = $"/proc/self/fd/{directory.DangerousGetHandle().ToString(CultureInfo.InvariantCulture)}";
        var found = new FileSystemEnumerable<Entry>(
            link,
            (ref entry) => new Entry(
                entry.IsDirectory ? $"{entry.FileName}/" : entry.FileName.ToString(),
                entry.IsDirectory,
                entry.IsDirectory ? 0 : entry.Length,
                entry.LastWriteTimeUtc,
                entry.Attributes.HasFlag(FileAttributes.ReparsePoint)),
            new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = true });
        var below = name.Length == 0 ? "" : name + '/';
        var entries = new List<Entry>();
        foreach (var entry in found)
        {
            var path = below + entry.Name.TrimEnd('/');
            if (entry.Name.Contains(Replacement, StringComparison.Ordinal) || !mount.Lists(path) || (MayBeNoFile(entry) && !IsServed(root, path)))
            {
                continue;
            }

            if (entries.Count == MostEntries)
            {
                return (Sort(entries), true);
            }

            entries.Add(entry);
        }

        return (Sort(entries), false);
    }

    private static List<Entry> Sort(List<Entry> entries) =>
        [.. entries.OrderByDescending(entry => entry.IsDirectory).ThenBy(entry => entry.Name, StringComparer.Ordinal)];

    /// <summary>A link may lead anywhere; FIFOs, sockets and devices have no size.</summary>
    private static bool MayBeNoFile(in Entry entry) => entry.IsLink || entry is { IsDirectory: false, Size: 0 };

    private static bool IsServed(RootDirectory root, string path)
    {
        var outcome = root.Locate(path, out var file);
        file?.Dispose();
        return outcome is FileOutcome.Found or FileOutcome.Directory;
    }

    private static ReadOnlyMemory<byte> Json(List<Entry> entries, bool isCut)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteStartArray("entries");
        foreach (var entry in entries)
        {
            json.WriteStartObject();
            json.WriteString("name", entry.Name);
            json.WriteBoolean("isDirectory", entry.IsDirectory);
            json.WriteNumber("size", entry.Size);
            json.WriteString("modified", entry.Modified);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("isCut", isCut);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> Page(string path, List<Entry> entries, bool isCut)
    {
        var title = WebUtility.HtmlEncode(path);
        var page = new StringBuilder($"""
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>{title}</title>
            <body style="font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem">
            <h1>{title}</h1>
            <table><tr><th style="text-align:left">Name<th style="text-align:right">Size (bytes)<th>Modified (UTC)
            <tr><td><a href="../">..</a>

            """);
        foreach (var entry in entries)
        {
            // "./": a name such as "javascript:x" is a name and no scheme.
            var size = entry.IsDirectory ? "" : entry.Size.ToString(CultureInfo.InvariantCulture);
            var slash = entry.IsDirectory ? "/" : "";
            page.Append(CultureInfo.InvariantCulture, $"""
                <tr><td><a href="./{Uri.EscapeDataString(entry.Name.TrimEnd('/'))}{slash}">{WebUtility.HtmlEncode(entry.Name)}</a>
                """);
            page.Append(CultureInfo.InvariantCulture, $"<td style=\"text-align:right\">{size}<td>{entry.Modified:yyyy-MM-dd HH:mm:ss}\n");
        }

        page.Append("</table>");
        if (isCut)
        {
            page.Append(CultureInfo.InvariantCulture, $"<p>There are more than {MostEntries} entries; the others are not shown.");
        }

        return Encoding.UTF8.GetBytes(page.Append("</body></html>\n").ToString());
    }
}
