using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>What serves the app before EdgeProxy comes.</summary>
public enum RecipeUnits
{
    /// <summary><c>app-server-blue.service</c> and <c>app-server-green.service</c>; blue runs.</summary>
    BlueGreen,

    /// <summary><c>app-server-prod.service</c> alone.</summary>
    Alone,
}

/// <summary>Where Caddy has the site's certificate from.</summary>
public enum RecipeCertificates
{
    /// <summary>Its storage, as if Let's Encrypt had issued it.</summary>
    Storage,

    /// <summary>Files of the site's own, which only Caddy may read.</summary>
    Files,

    /// <summary>A <see cref="LabAuthority"/>, which has issued it just now.</summary>
    Authority,

    /// <summary>Caddy itself (<c>tls internal</c>).</summary>
    Internal,
}

/// <summary>A server as the recipe makes it, with a network of its own: Debian's Caddy on ports 80 and 443, gunicorn with sync workers as root, secrets in the
/// unit, SIGQUIT.</summary>
/// <remarks>
/// The Caddyfile is the recipe's to the letter where Caddy has a certificate in its storage, as if it had got it from Let's Encrypt; otherwise with a line
/// more, <c>tls</c>, or with global options.
/// EdgeProxy lies in /opt/edgeproxy as its archive has it; nothing of it is installed.
/// </remarks>
public sealed class RecipeVps : IAsyncDisposable
{
    public const string Host = "api.example.com";
    public const string HealthPath = "/v1/config/feature-flags/";
    public const string Health = $"https://{Host}{HealthPath}";
    public const string Setup = "/opt/edgeproxy/deploy/setup_bluegreen.sh";
    public const string Uninstall = "/opt/edgeproxy/deploy/uninstall.sh";
    public const string NewSite = "/opt/edgeproxy/deploy/new-site";
    public const string Caddyfile = "/etc/caddy/Caddyfile";
    public const string KeyFile = "/etc/caddy/tls/key.pem";

    /// <summary>The checkout, and where in it the app runs.</summary>
    public const string Checkout = "/app/test_project";
    public const string Project = $"{Checkout}/app-server";

    /// <summary>The checkout behind nginx, and where the app runs.</summary>
    public const string Home = "/home/sammy/shop";

    /// <summary>What clients trust.</summary>
    public const string TrustedRoot = "/etc/test-root.pem";

    private const string ChainFile = "/etc/caddy/tls/cert.pem";
    private const string CaddysRoot = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt";
    private const string Storage = "/var/lib/caddy/.local/share/caddy/certificates/acme-v02.api.letsencrypt.org-directory/api.example.com/api.example.com";

    private RecipeVps(SystemdLab lab) => Lab = lab;

    public SystemdLab Lab { get; }

    private static string? Binary => Environment.GetEnvironmentVariable("EDGEPROXY_BINARY") is { Length: > 0 } binary ? binary : null;

    /// <summary>Skips the test where such a machine cannot be had.</summary>
    public static void Demand()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        Assert.SkipWhen(Binary is null, "needs the native binary (EDGEPROXY_BINARY): a JIT may not run under MemoryDenyWriteExecute=yes");
        Tool.Demand("caddy");
        Tool.Demand("setfacl");
    }

    /// <param name="units">What serves the app.</param>
    /// <param name="certificates">Where Caddy has its certificate from.</param>
    public static Task<RecipeVps> StartAsync(RecipeUnits units = RecipeUnits.BlueGreen, RecipeCertificates certificates = RecipeCertificates.Storage) =>
        StartAsync(InstallSampleAsync, units, certificates, $"{Binary}:/opt/edgeproxy/bin/edgeproxy", $"{Repository.File("deploy")}:/opt/edgeproxy/deploy");

    /// <summary>The same with blue and green, an app of the test's own, and nothing of EdgeProxy.</summary>
    /// <param name="installApp">Puts its first version into <see cref="Project"/>, where it is run as app.wsgi:application.</param>
    /// <param name="shares">Paths of this machine to see inside.</param>
    public static Task<RecipeVps> StartAsync(Func<RecipeVps, Task> installApp, params string[] shares) =>
        StartAsync(installApp, RecipeUnits.BlueGreen, RecipeCertificates.Storage, shares);

    private static async Task<RecipeVps> StartAsync(
        Func<RecipeVps, Task> installApp, RecipeUnits units, RecipeCertificates certificates, params string[] shares)
    {
        Demand();
        var vps = new RecipeVps(await SystemdLab.BootAloneAsync(shares));
        try
        {
            await vps.PrepareAsync();
            await installApp(vps);
            await vps.WriteUnitsAsync(units);
            await vps.InstallCertificateAsync(certificates);
            await vps.InstallCaddyAsync(units, certificates);
            await vps.RunAsync(
                "systemctl", "enable", "--now", units == RecipeUnits.Alone ? "app-server-prod.service" : "app-server-blue.service", "caddy.service");
            if (certificates == RecipeCertificates.Internal)
            {
                await Eventually.TrueAsync(async () => (await vps.Lab.RunAsync("cp", CaddysRoot, TrustedRoot)).ExitCode == 0, "Caddy has made an authority");
            }

            await Eventually.TrueAsync(async () => await vps.AskAsync(Health) == "200", "the recipe serves");
            return vps;
        }
        catch
        {
            await vps.DisposeAsync();
            throw;
        }
    }

    /// <summary>A server as the best known tutorial makes it: nginx with certbot's certificate, gunicorn.socket, the code in a home that others do not
    /// see.</summary>
    public static async Task<RecipeVps> StartBehindNginxAsync()
    {
        Demand();
        Tool.Demand("nginx");
        var vps = new RecipeVps(
            await SystemdLab.BootAloneAsync($"{Binary}:/opt/edgeproxy/bin/edgeproxy", $"{Repository.File("deploy")}:/opt/edgeproxy/deploy"));
        try
        {
            await vps.PrepareAsync();
            await vps.InstallTutorialAsync();
            await Eventually.TrueAsync(async () => await vps.AskAsync(Health) == "200", "nginx serves");
            return vps;
        }
        catch
        {
            await vps.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => Lab.DisposeAsync();

    /// <summary>Runs a command inside, which must succeed.</summary>
    public async Task<string> RunAsync(params string[] command) => (await Lab.RunAsync(command)).Text;

    /// <summary>Each of the system's tools becomes a script that takes long, and then the tool under another name; what is named after them in the PATH of
    /// <see cref="InOddShell"/> does not get that far.</summary>
    public async Task SlowDownAsync(params string[] tools)
    {
        await RunAsync(["bash", "-c", """
            set -e
            mkdir -p /opt/real /opt/odd/bin /opt/odd/tmp
            for tool in "$@"; do
              file=$(PATH=/usr/sbin:/usr/bin command -v $tool)
              real=$(readlink -f $file)
              [ -L $file ] || { real=/opt/real/$tool.real; cp -a $file $real; }
              rm $file
              printf '#!/bin/bash\n/usr/bin/sleep 0.05\nexec -a "$0" %s "$@"\n' $real > $file
              printf '#!/bin/sh\necho "$0 $*" >> /run/odd-used\nexit 3\n' > /opt/odd/bin/$tool
              chmod 755 $file /opt/odd/bin/$tool
            done
            chmod 700 /opt/odd/tmp
            printf 'include\nfail\nproxy = http://127.0.0.1:1\n' > /opt/odd/.curlrc
            """, "bash", .. tools]);
    }

    /// <summary>A command in the shell of somebody whose umask hides files, with a directory for files that is root's alone, settings of curl, colours, and
    /// scripts (pyenv's) before the system's tools.</summary>
    public static string[] InOddShell(params string[] command) =>
    [
        "env", "HOME=/opt/odd", "TMPDIR=/opt/odd/tmp", "LC_ALL=de_DE.UTF-8", "CDPATH=.:/", "SYSTEMD_COLORS=1", "POSIXLY_CORRECT=1",
        "PATH=/opt/odd/bin:/usr/bin:/bin", "/bin/bash", "-c", "umask 077; cd /; exec \"$@\"", "bash", .. command,
    ];

    /// <summary>The status that a client gets inside, over a certificate that must be right; 000: none.</summary>
    public async Task<string> AskAsync(string url) =>
        (await Lab.RunAsync(
            "curl", "--silent", "--cacert", TrustedRoot, "--output", "/dev/null", "--write-out", "%{http_code}", "--max-time", "20", url)).Output;

    public async Task<string> ReadAsync(string url) => (await Lab.RunAsync("curl", "--silent", "--cacert", TrustedRoot, "--max-time", "20", url)).Output;

    /// <summary>Clients of a URL, one after the other, each on a new connection, until <see cref="StopClientsAsync"/>. One to whom a server that stops or
    /// reloads says goodbye (GOAWAY) before it has read the request sends it again, as browsers do (RFC 9113 section 6.8). curl ends with 16 instead.</summary>
    public async Task StartClientsAsync(string name, string url)
    {
        await Lab.WriteFileAsync($"/run/clients/{name}.sh", $$"""
            visit() {
              curl --silent --cacert {{TrustedRoot}} --output /dev/null --write-out '%{http_code}' --max-time 30 '{{url}}'
            }
            while :; do
              begin=$EPOCHREALTIME
              code=$(visit); result=$?
              [ $result -ne 16 ] || { code=$(visit); result=$?; }
              echo "$begin $EPOCHREALTIME $code $result" >> /run/clients/{{name}}.log
              sleep 0.01
            done
            """);
        await RunAsync("systemd-run", "--quiet", "--unit", $"clients-{name}", "bash", $"/run/clients/{name}.sh");
    }

    public async Task<IReadOnlyList<Visit>> StopClientsAsync(string name)
    {
        await RunAsync("systemctl", "stop", $"clients-{name}.service");
        var log = $"{Lab.Root}/run/clients/{name}.log";
        var visits = Visit.Parse(await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken));
        File.Delete(log);
        return visits;
    }

    /// <summary>Every file and directory that setup may touch, by mode, owner and content, and every unit concerned, by state.</summary>
    public Task<string> SnapshotAsync() => RunAsync("bash", "-c", """
        look() {
          find /etc /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/bin/edgeproxy /run/systemd/system /var/lib/edgeproxy /var/log/edgeproxy /var/lib/caddy /app /home/sammy \
            ! -name '*-' ! -name .pwd.lock ! -path '*/__pycache__*' ! -path '*/logs/*' ! -path '*/.config/*' ! -name '*.lock' ! -name 'last_clean.json' ! -name 'instance.uuid' "$@"
        }
        {
          look \( -type f -o -type d \) -printf '%p %m %U:%G\n' -o -type l -printf '%p -> %l\n'
          look -type f -print0 | xargs --null sha1sum | sed -E 's/^([0-9a-f]+)  (.*)$/\2 \1/'
        } 2> /dev/null | sort
        systemctl list-units --all --no-legend --plain 'caddy*' 'nginx*' 'app-server*' 'gunicorn*' 'edgeproxy*' | awk '{ print $1, $2, $3, $4 }' | sort
        systemctl show --property MainPID caddy.service app-server-blue.service app-server-green.service app-server-prod.service
        """);

    private Task<string> PrepareAsync() => RunAsync("bash", "-c", $"""
        set -e
        rm -rf /etc/edgeproxy /var/lib/edgeproxy /var/log/edgeproxy /usr/bin/edgeproxy
        userdel edgeproxy 2> /dev/null || true
        id azureuser > /dev/null 2>&1 || useradd --create-home azureuser
        mkdir -p /home/azureuser/miniconda3/envs/appenv/bin
        chmod 755 /home/azureuser
        ln -s /usr/bin/gunicorn /home/azureuser/miniconda3/envs/appenv/bin/gunicorn
        echo '127.0.0.1 {Host}' >> /etc/hosts
        """);

    private static Task InstallSampleAsync(RecipeVps vps) => vps.RunAsync("bash", "-c", $$"""
        set -e
        mkdir -p {{Project}}/{logs,staticfiles/static,media/media,app}
        cp -r {{SystemdLab.TestsInside}}/django/. {{Project}}
        git init --quiet {{Checkout}}
        echo 'from sample.wsgi import application' > {{Project}}/app/wsgi.py
        echo 'body { color: #123 }' > {{Project}}/staticfiles/static/site.css
        """);

    private async Task InstallTutorialAsync()
    {
        const string Archive = $"/etc/letsencrypt/archive/{Host}";
        var authority = new TestAuthority();
        var (chain, key) = authority.Issue([Host]);
        await Lab.WriteFileAsync(TrustedRoot, authority.Root.ExportCertificatePem());
        await Lab.WriteFileAsync($"{Archive}/fullchain1.pem", chain);
        await Lab.WriteFileAsync($"{Archive}/privkey1.pem", key);
        await Lab.WriteFileAsync($"/etc/letsencrypt/renewal/{Host}.conf", "[renewalparams]\nauthenticator = nginx\ninstaller = nginx\n");
        await Lab.WriteFileAsync("/etc/letsencrypt/renewal-hooks/deploy/reload", "#!/bin/sh\nsystemctl reload nginx\n");
        await Lab.WriteFileAsync("/etc/systemd/system/gunicorn.socket", """
            [Unit]
            Description=gunicorn socket
            [Socket]
            ListenStream=/run/gunicorn.sock
            [Install]
            WantedBy=sockets.target

            """);
        await Lab.WriteFileAsync("/etc/systemd/system/gunicorn.service", $"""
            [Unit]
            Description=gunicorn daemon
            Requires=gunicorn.socket
            After=network.target
            [Service]
            User=sammy
            Group=www-data
            WorkingDirectory={Home}
            ExecStart={Home}/env/bin/gunicorn \
                      --access-logfile - \
                      --workers 3 \
                      --bind unix:/run/gunicorn.sock \
                      sample.wsgi:application
            [Install]
            WantedBy=multi-user.target

            """);
        await Lab.WriteFileAsync("/etc/nginx/sites-enabled/shop", NginxSite("unix:/run/gunicorn.sock"));
        await RunAsync("bash", "-c", $$"""
            set -e
            rm /etc/nginx/sites-enabled/default
            useradd --create-home --groups www-data sammy
            mkdir -p {{Home}}/static
            cp -r {{SystemdLab.TestsInside}}/django/. {{Home}}
            echo 'body { color: #123 }' > {{Home}}/static/site.css
            /usr/bin/python3 -m venv --without-pip --system-site-packages {{Home}}/env
            sed '1c #!{{Home}}/env/bin/python3' /usr/bin/gunicorn > {{Home}}/env/bin/gunicorn
            chmod +x {{Home}}/env/bin/gunicorn
            git init --quiet {{Home}}
            touch {{Home}}/manage.py
            chown -R sammy:www-data /home/sammy
            chmod 750 /home/sammy
            mkdir -p /etc/letsencrypt/live/{{Host}}
            ln -s ../../archive/{{Host}}/{fullchain1,privkey1}.pem /etc/letsencrypt/live/{{Host}}
            cd /etc/letsencrypt/live/{{Host}}
            mv fullchain1.pem fullchain.pem
            mv privkey1.pem privkey.pem
            chmod 700 /etc/letsencrypt/{live,archive} /etc/letsencrypt/renewal-hooks/deploy/reload
            chmod 600 {{Archive}}/privkey1.pem
            systemctl daemon-reload
            systemctl --quiet enable --now gunicorn.socket gunicorn.service nginx.service
            """);
    }

    private async Task WriteUnitsAsync(RecipeUnits units)
    {
        if (units == RecipeUnits.Alone)
        {
            await Lab.WriteUnitAsync("app-server-prod.service", AppUnit("Production", "prod", 8000));
        }
        else
        {
            await Lab.WriteUnitAsync("app-server-blue.service", AppUnit("Blue", "blue", 8000));
            await Lab.WriteUnitAsync("app-server-green.service", AppUnit("Green", "green", 8100));
        }
    }

    private async Task InstallCertificateAsync(RecipeCertificates certificates)
    {
        if (certificates == RecipeCertificates.Authority)
        {
            LabAuthority.Demand();
            await LabAuthority.StartAsync(Lab, TrustedRoot);
        }

        if (certificates is RecipeCertificates.Authority or RecipeCertificates.Internal)
        {
            return;
        }

        var authority = new TestAuthority();
        var (chain, key) = authority.Issue([Host]);
        await Lab.WriteFileAsync(TrustedRoot, authority.Root.ExportCertificatePem());
        var (chainFile, keyFile) = certificates == RecipeCertificates.Files ? (ChainFile, KeyFile) : ($"{Storage}.crt", $"{Storage}.key");
        await Lab.WriteFileAsync(chainFile, chain);
        await Lab.WriteFileAsync(keyFile, key);
        if (certificates == RecipeCertificates.Storage)
        {
            await Lab.WriteFileAsync($"{Storage}.json", $$"""{ "sans": ["{{Host}}"], "issuer_data": { "url": "https://acme-v02.api.letsencrypt.org/acme/cert/1" } }""");
        }

        await RunAsync(
            "bash",
            "-c",
            $"chmod 600 {keyFile}; chown -R caddy:caddy /var/lib/caddy {Path.GetDirectoryName(keyFile)}; [ ! -d /var/lib/caddy/.local ] || chmod 700 " +
                "/var/lib/caddy/.local");
    }

    private async Task InstallCaddyAsync(RecipeUnits units, RecipeCertificates certificates)
    {
        var global = certificates == RecipeCertificates.Authority ? $"{{\nacme_ca {LabAuthority.DirectoryUrl}\nacme_ca_root {LabAuthority.ApiRoot}\n}}\n" : "";
        var tls = certificates switch
        {
            RecipeCertificates.Files => $"tls {ChainFile} {KeyFile}",
            RecipeCertificates.Internal => "tls internal",
            _ => "",
        };
        await Lab.WriteFileAsync("/etc/caddy/upstream.txt", "to 127.0.0.1:8000\n");
        await Lab.WriteFileAsync(Caddyfile, global + Site(tls, units == RecipeUnits.Alone ? "to 127.0.0.1:8000" : "import /etc/caddy/upstream.txt"));
    }

    /// <summary>The tutorial's server block, as certbot has changed it.</summary>
    /// <param name="upstream">Behind <c>http://</c>.</param>
    public static string NginxSite(string upstream) => $$"""
        server {
            listen 80;
            listen [::]:80;
            server_name {{Host}};
            if ($host = {{Host}}) {
                return 301 https://$host$request_uri;
            }
            return 404;
        }
        server {
            listen 443 ssl;
            listen [::]:443 ssl ipv6only=on;
            server_name {{Host}};
            ssl_certificate /etc/letsencrypt/live/{{Host}}/fullchain.pem;
            ssl_certificate_key /etc/letsencrypt/live/{{Host}}/privkey.pem;
            location = /favicon.ico { access_log off; log_not_found off; }
            location /static/ {
                root {{Home}};
            }
            location / {
                include proxy_params;
                proxy_pass http://{{upstream}};
            }
        }

        """;

    private static string AppUnit(string title, string slot, int port) => $"""
        [Unit]
        Description=Product server ({title} Instance - Port {port})
        After=network.target
        [Service]
        Type=simple
        User=root
        WorkingDirectory={Project}
        ExecStart=/home/azureuser/miniconda3/envs/appenv/bin/gunicorn \
        --preload \
        --workers 8 \
        --bind 127.0.0.1:{port} \
        --timeout 120 \
        --access-logfile {Project}/logs/gunicorn_access_{slot}.log \
        --error-logfile {Project}/logs/gunicorn_error_{slot}.log \
        app.wsgi:application
        Restart=on-failure
        RestartSec=10
        KillSignal=SIGQUIT
        TimeoutStopSec=30
        Environment="DB_PORT=3306"
        Environment="OPENAI_BASE_URL=https://api.openai.com/v1"
        Environment="OPENAI_API_KEY=not-for-everybody"
        Environment="APPLE_CLIENT_ID=com.example.app.dev"
        Environment="SECRET_KEY=a $ecret with 100%% of all sorts, long enough for a check of Django"
        Environment="STATIC_ROOT={Project}/staticfiles/static"
        [Install]
        WantedBy=multi-user.target

        """;

    private static string Site(string tls, string upstream) => $$"""
        {{Host}} {
        {{tls}}
        encode zstd gzip
        @static path /static/*
        handle @static {
        root * {{Project}}/staticfiles
        file_server
        }
        @media path /media/*
        handle @media {
        root * {{Project}}/media
        file_server
        }
        reverse_proxy {
        {{upstream}}
        }
        }

        """;
}

/// <summary>One client's request.</summary>
/// <param name="Status">000: no response.</param>
/// <param name="CurlExit">curl's own word: 7, it could not connect; 35, the handshake was cut; 52 and 56, the response was cut.</param>
public sealed record Visit(DateTimeOffset Began, DateTimeOffset Ended, string Status, int CurlExit)
{
    public bool IsGood => Status is "200" or "301" or "308" && CurlExit == 0;

    /// <summary>It never came as far as the app.</summary>
    public bool IsRefused => Status == "000" && CurlExit is 7 or 35;

    public static IReadOnlyList<Visit> Parse(IEnumerable<string> lines) =>
        [.. lines.Select(line => line.Split(' ')).Where(word => word.Length == 4)
            .Select(word => new Visit(At(word[0]), At(word[1]), word[2], int.Parse(word[3], System.Globalization.CultureInfo.InvariantCulture)))];

    private static DateTimeOffset At(string seconds) =>
        DateTimeOffset.UnixEpoch.AddSeconds(double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture));
}
