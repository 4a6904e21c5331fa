using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>What is worth a second look about a directory: the disk is asked, as it will be by the proxy.</summary>
internal static class RootNotes
{
    private static readonly string[] _uploads = ["/media", "/uploads", "/upload"];

    /// <param name="walk">How the request came to the files.</param>
    /// <param name="at">The line of its <c>file_server</c>.</param>
    /// <param name="root">The directory of the region itself.</param>
    public static void Add(RegionWalk walk, SourceLine at, string root, ImportRemarks remarks)
    {
        var named = walk.Directory!.TrimEnd('/');
        if (named != root && !Directory.Exists(root) && Directory.Exists(named))
        {
            remarks.Note(
                at,
                $"Caddy looks for {walk.Region}/a.css at {root}/a.css, because handle keeps the path; that directory does not exist, so its clients get 404, "
                + $"and the settings say the same. {named} exists: if its files are meant, set \"Root\": \"{named}\" (in Caddy: handle_path {walk.Region}/*)");
        }

        if (_uploads.Contains(walk.Region, StringComparer.OrdinalIgnoreCase))
        {
            remarks.Note(
                at,
                $"if {walk.Region} holds what users have uploaded, add \"UserContent\": true to its entry: files that would run in the site's name are then " +
                    "sent as attachments, which Caddy does not do");
        }
    }
}
